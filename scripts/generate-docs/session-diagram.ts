import { sessionControlName } from '../../services/session/domain/enum-names.ts';
import { compositeStates, type StateKey, sessionTransitions } from '../../services/session/domain/transitions.ts';

const START = '[*]';
/** The box of a state in a diagram; undefined if the diagram does not show the state. */
type BoxOf = (stateKey: StateKey) => string | undefined;

/** Control as a Mermaid diagram of the transition table: all states with the bot in control are one box, all closed ones another. */
export function controlDiagram(): string {
  return diagram(controlBox, { closed: 'archive' });
}

/** The states of a session with the bot in control, as a Mermaid diagram of the transition table. */
export function botStatesDiagram(): string {
  return diagram((stateKey) => (controlBox(stateKey) === 'bot_active' ? stateKey : undefined), {});
}

const controlBox = (stateKey: StateKey): string => {
  const { control, external } = compositeStates[stateKey];
  return external ? `${sessionControlName(control)}_external` : sessionControlName(control);
};

/** Commands between the same two boxes share an arrow. A transition from a box that is not shown comes from the start. */
function diagram(boxOf: BoxOf, ends: Readonly<Record<string, string>>): string {
  const arrows = new Map<string, Set<string>>();
  const draw = (from: string, to: string, command: string) => {
    const key = `${from} --> ${to}`;
    arrows.set(key, (arrows.get(key) ?? new Set()).add(command));
  };
  for (const { command, from, to } of sessionTransitions) {
    const target = to === 'same' ? undefined : boxOf(to);
    if (target === undefined) continue;
    const sources = from.length === 0 ? [START] : from.map((stateKey) => boxOf(stateKey) ?? START);
    for (const source of new Set(sources)) if (source !== target) draw(source, target, command);
  }
  for (const [box, command] of Object.entries(ends)) draw(box, START, command);
  const lines = [...arrows].map(([arrow, commands]) => `    ${arrow}: ${[...commands].join(', ')}`);
  return ['```mermaid', 'stateDiagram-v2', ...lines, '```'].join('\n');
}
