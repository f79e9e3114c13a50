import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { ExitCode, Failure } from './failure.ts';

/** Asks a person and returns what he typed. */
export type Ask = (question: string) => Promise<string>;

/**
 * Goes on only when somebody means it: with `--yes`, or when the word is typed. Where there is nobody to ask, `--yes` has
 * to be said. Throws otherwise.
 */
export async function confirm(
  word: string,
  what: string,
  { yes, json }: { yes?: boolean; json?: boolean },
  ask: Ask | undefined = atTerminal(),
): Promise<void> {
  if (yes) return;
  if (!ask || json) {
    process.stderr.write(`error: ${what}\nSay --yes to do it without being asked.\n`);
    throw new CommanderError(ExitCode.USAGE, 'autosession.unconfirmed', 'not confirmed');
  }
  const typed = await ask(`${what}\nType "${word}" to go on: `);
  if (typed.trim() !== word) throw new Failure('Nothing was done.');
}

/** The person at the terminal; undefined when there is none. */
function atTerminal(): Ask | undefined {
  if (!process.stdin.isTTY) return undefined;
  return async (question) => {
    const terminal = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await terminal.question(question);
    } finally {
      terminal.close();
    }
  };
}
