import { type TransitionLine, transitionLines } from '../../services/session/domain/transitions.ts';
import { transitions } from '../../services/task-dispatch/domain/transitions.ts';
import { markdownTable } from '../docs/section.ts';

const code = (words: readonly string[]) => words.map((word) => `\`${word}\``).join(', ') || '–';

/** Cells that the table names together when a command accepts all of them. */
const groups = [
  { name: 'any open state', ends: ['/bot_active', '/pending_manual', '/manual_live', '/manual_live (external)'] },
  { name: 'any state with the bot in control', ends: ['/bot_active'] },
  {
    name: 'any state with a human in control or requested',
    ends: ['/pending_manual', '/manual_live', '/manual_live (external)'],
  },
];

/** `from` in words: a whole group by its name, the rest cell by cell. */
function fromText({ from }: TransitionLine, all: readonly string[]): string {
  for (const { name, ends } of groups) {
    const members = all.filter((cell) => ends.some((end) => cell.endsWith(end)));
    if (!members.every((cell) => from.includes(cell))) continue;
    const rest = from.filter((cell) => !members.includes(cell));
    return rest.length > 0 ? `${name}, ${code(rest)}` : name;
  }
  return code(from);
}

/** The session's transition table; `epoch +1` marks what every fence has to confirm before it is answered. */
export function sessionTable(): string {
  const lines = transitionLines();
  const all = [...new Set(lines.flatMap((line) => line.from))];
  const rows = lines.map((line) => [
    `\`${line.command}\``,
    fromText(line, all),
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
