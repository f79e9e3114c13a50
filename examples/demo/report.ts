import type { Outcome } from './conversation.ts';
import type { Timelines } from './timeline.ts';

/** The totals of all dialogues. */
export function summary(outcomes: readonly Outcome[], injected: number) {
  const sum = (pick: (outcome: Outcome) => number) => outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const handedOver = outcomes.filter((outcome) => outcome.handedOver);
  return {
    created: outcomes.length,
    sent: sum((outcome) => outcome.sent),
    replied: sum((outcome) => outcome.replied),
    'typed by a human': sum((outcome) => outcome.typed),
    'handovers injected': injected,
    'handed over': handedOver.length,
    'false alarms': handedOver.filter((outcome) => outcome.plan.humanAt === undefined).length,
    missed: outcomes.filter((outcome) => outcome.plan.humanAt !== undefined && !outcome.handedOver).length,
  };
}

/** One session's timeline under a heading. */
export function timelineText(outcome: Outcome, timelines: Timelines): string {
  const { plan, sessionId, problems } = outcome;
  const human = plan.humanAt === undefined ? 'bot only' : `a human types line ${plan.humanAt + 1}`;
  const lines = timelines.get(sessionId) ?? [];
  return [
    `${sessionId}  dialogue ${plan.dialogue.id}, ${plan.dialogue.lines.length} lines, ${human}`,
    ...lines.map((line) => `  ${line}`),
    ...problems.map((problem) => `  !! ${problem}`),
    '',
  ].join('\n');
}

/** Names and numbers in two columns. */
export function table(rows: Record<string, number>): string {
  const width = Math.max(...Object.keys(rows).map((name) => name.length));
  return Object.entries(rows)
    .map(([name, value]) => `  ${name.padEnd(width)}  ${String(value).padStart(6)}`)
    .join('\n');
}
