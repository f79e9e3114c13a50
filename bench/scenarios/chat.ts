import type { MeasurementResult } from '../measurement-result.ts';
import type { System } from '../system/system.ts';
import { measureAndLog, type ScenarioContext } from './scenario-context.ts';

/** The time that a user thinks, in the measurement that is not at saturation. */
const THINK_MS = 2_000;
const THINKING_CONVERSATIONS = 32;

/** (e) Chats: turns at saturation, turns of users who think, and takeovers in the middle of an answer. */
export async function chats(context: ScenarioContext, system: System): Promise<MeasurementResult[]> {
  const { profile } = context;
  const results: MeasurementResult[] = [];
  const until = { seconds: profile.seconds };
  for (const inFlight of profile.conversations)
    results.push(
      await measureAndLog(context, system, {
        section: 'e',
        what: 'turns',
        job: 'chat',
        spec: { url: system.url, inFlight, thinkMs: 0, until },
        inFlight,
      }),
    );
  const inFlight = Math.min(THINKING_CONVERSATIONS, profile.conversations.at(-1) ?? 1);
  results.push(
    await measureAndLog(context, system, {
      section: 'e',
      what: `turns, ${THINK_MS / 1_000} s between them`,
      job: 'chat',
      spec: { url: system.url, inFlight, thinkMs: THINK_MS, until: { seconds: profile.seconds * 2 } },
      inFlight,
    }),
    await measureAndLog(context, system, {
      section: 'e',
      what: 'takeovers in mid-answer',
      job: 'takeover',
      spec: { url: system.url, inFlight: 1, until },
      inFlight: 1,
    }),
  );
  return results;
}
