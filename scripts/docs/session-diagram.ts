import { type CellName, cells, transitions } from '../../services/session/domain/transitions.ts';
import { controlWord } from '../../services/session/domain/words.ts';

const START = '[*]';
/** Where a command leads from one box of a diagram; undefined where the diagram does not show it. */
type BoxOf = (cell: CellName) => string | undefined;

/** Who may speak, as a Mermaid diagram of the transition table: the states of the bot are one box, and so are the closed ones. */
export function controlDiagram(): string {
  return diagram(controlBox, { closed: 'archive' });
}

/** The states of a session in which the bot has the word, as a Mermaid diagram of the transition table. */
export function botStatesDiagram(): string {
  return diagram((cell) => (controlBox(cell) === 'bot_active' ? cell : undefined), {});
}

const controlBox = (cell: CellName): string => {
  const { control, external } = cells[cell];
  return external ? `${controlWord(control)}_external` : controlWord(control);
};

/** Commands between the same two boxes are one arrow. What comes from a box that is not shown comes from the start. */
function diagram(boxOf: BoxOf, ends: Readonly<Record<string, string>>): string {
  const arrows = new Map<string, Set<string>>();
  const draw = (from: string, to: string, command: string) => {
    const key = `${from} --> ${to}`;
    arrows.set(key, (arrows.get(key) ?? new Set()).add(command));
  };
  for (const { command, from, to } of transitions) {
    const target = to === 'same' ? undefined : boxOf(to);
    if (target === undefined) continue;
    const sources = from.length === 0 ? [START] : from.map((cell) => boxOf(cell) ?? START);
    for (const source of new Set(sources)) if (source !== target) draw(source, target, command);
  }
  for (const [box, command] of Object.entries(ends)) draw(box, START, command);
  const lines = [...arrows].map(([arrow, commands]) => `    ${arrow}: ${[...commands].join(', ')}`);
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
}
