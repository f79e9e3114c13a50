import { transitionLines } from '../../services/session/domain/transitions.ts';
import { transitions } from '../../services/task-dispatch/domain/transitions.ts';
import { markdownTable } from './section.ts';

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ') || '–';

/** The session's transition table; `epoch +1` marks what every fence has to confirm before it is answered. */
export function sessionTable(): string {
  const rows = transitionLines().map((line) => [
    `\`${line.command}\``,
    code(line.from),
    line.to === 'unchanged' ? line.to : code([line.to]),
    [line.raisesEpoch ? 'epoch +1' : '', line.withdrawsTasks ? 'unsent tasks are withdrawn' : '']
      .filter(Boolean)
      .join('; '),
    line.by,
  ]);
  return markdownTable(['command', 'from', 'to', 'effect', 'by'], rows);
}

/** The task's transition table. */
export function taskTable(): string {
  const rows = transitions.map((row) => [
    `\`${row.command}\``,
    code(row.from),
    code('whilePaused' in row ? [row.to, row.whilePaused] : [row.to]),
    row.note,
  ]);
  return markdownTable(['command', 'from', 'to (or, while paused)', 'when'], rows);
}
