import { type TransitionTableRow, transitionTable } from '../../services/session/domain/transitions.ts';
import { taskTransitions } from '../../services/task-dispatch/domain/transitions.ts';
import { markdownTable } from './marker-block.ts';

const codeList = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ') || '–';

/** State keys that the table names as a group if a command accepts all of them. */
const groups = [
  { name: 'any open state', ends: ['/bot_active', '/pending_manual', '/manual_live', '/manual_live (external)'] },
  { name: 'any state with the bot in control', ends: ['/bot_active'] },
  {
    name: 'any state with a human in control or requested',
    ends: ['/pending_manual', '/manual_live', '/manual_live (external)'],
  },
];

/** The text for `from`: groups by their name, the other states one by one. */
function fromText({ from }: TransitionTableRow, all: readonly string[]): string {
  for (const { name, ends } of groups) {
    const members = all.filter((stateKey) => ends.some((end) => stateKey.endsWith(end)));
    if (!members.every((stateKey) => from.includes(stateKey))) continue;
    const rest = from.filter((stateKey) => !members.includes(stateKey));
    return rest.length > 0 ? `${name}, ${codeList(rest)}` : name;
  }
  return codeList(from);
}

/** The session's transition table; `epoch +1` marks transitions that the fence confirms before they are answered. */
export function sessionTable(): string {
  const lines = transitionTable();
  const all = [...new Set(lines.flatMap((line) => line.from))];
  const rows = lines.map((line) => [
    `\`${line.command}\``,
    fromText(line, all),
    line.to === 'unchanged' ? line.to : codeList([line.to]),
    [line.raisesEpoch ? 'epoch +1' : '', line.withdrawsTasks ? 'unsent tasks are withdrawn' : '']
      .filter(Boolean)
      .join('; '),
    line.by,
  ]);
  return markdownTable(['command', 'from', 'to', 'effect', 'by'], rows);
}

/** The task's transition table. */
export function taskTable(): string {
  const rows = taskTransitions.map((row) => [
    `\`${row.command}\``,
    codeList(row.from),
    codeList('whilePaused' in row ? [row.to, row.whilePaused] : [row.to]),
    row.note,
  ]);
  return markdownTable(['command', 'from', 'to (or, while paused)', 'when'], rows);
}
