import { createInterface } from 'node:readline/promises';
import { CommanderError } from 'commander';
import { CliError, ExitCode } from './cli-error.ts';

/** Asks the person at the terminal and returns the typed line. */
export type Prompt = (question: string) => Promise<string>;

/**
 * Returns if `--yes` is given or the person types the expected word; throws otherwise. Without a terminal, or with `--json`,
 * `--yes` is required.
 */
export async function confirm(
  expected: string,
  consequence: string,
  { yes, json }: { yes?: boolean; json?: boolean },
  prompt: Prompt | undefined = terminalPrompt(),
): Promise<void> {
  if (yes) return;
  if (!prompt || json) {
    process.stderr.write(`error: ${consequence}\nUse --yes to confirm.\n`);
    throw new CommanderError(ExitCode.USAGE, 'autosession.unconfirmed', 'not confirmed');
  }
  const typed = await prompt(`${consequence}\nType "${expected}" to continue: `);
  if (typed.trim() !== expected) throw new CliError('Cancelled; nothing was changed.');
}

/** Prompts on the terminal; undefined without one. */
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
