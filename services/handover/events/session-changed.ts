import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { changeOfControl } from '../domain/control-change.ts';
import { partiesOf, present, timeOf } from './read.ts';
import { recordChange } from './record-change.ts';

/** Every change of control, pause and resume is audited, moves its handover on, and reminds when people have to know. */
export const onSessionChanged =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'sessionChanged') return;
    const { value } = event.payload;
    const session = present(value.session, 'session');
    const change = changeOfControl(value, session, timeOf(event));
    if (!change) return;
    await recordChange(deps, {
      eventId: event.eventId,
      session: partiesOf(event, session.shopName),
      change,
      unattendedMessage: false,
    });
  };
