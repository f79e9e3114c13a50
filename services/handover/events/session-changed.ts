import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { controlChangeOf } from '../domain/control-change.ts';
import { occurredAtMs, requireField, sessionRefOf } from './event-fields.ts';
import { recordControlChange } from './record-control-change.ts';

/** Audits every change of control, pause and resume, updates its handover, and creates the reminder that it needs. */
export const recordSessionChanged =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'sessionChanged') return;
    const { value } = event.payload;
    const session = requireField(value.session, 'session');
    const change = controlChangeOf(value, session, occurredAtMs(event));
    if (!change) return;
    await recordControlChange(deps, {
      eventId: event.eventId,
      session: sessionRefOf(event, session.shopName),
      change,
      unattendedMessage: false,
    });
  };
