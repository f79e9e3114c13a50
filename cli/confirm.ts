import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { CliError, ExitCode } from './cli-error.ts';

/** Asks a person and returns what he typed. */
export type Prompt = (question: string) => Promise<string>;

/**
 * Goes on only when somebody means it: with `--yes`, or when the word is typed. Where there is nobody to ask, `--yes` has
 * to be said. Throws otherwise.
 */
export async function confirm(
  expected: string,
  consequence: string,
  { yes, json }: { yes?: boolean; json?: boolean },
  prompt: Prompt | undefined = terminalPrompt(),
): Promise<void> {
  if (yes) return;
  if (!prompt || json) {
    process.stderr.write(`error: ${consequence}\nSay --yes to do it without being asked.\n`);
    throw new CommanderError(ExitCode.USAGE, 'autosession.unconfirmed', 'not confirmed');
  }
  const typed = await prompt(`${consequence}\nType "${expected}" to go on: `);
  if (typed.trim() !== expected) throw new CliError('Nothing was done.');
}

/** The person at the terminal; undefined when there is none. */
function terminalPrompt(): Prompt | undefined {
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
