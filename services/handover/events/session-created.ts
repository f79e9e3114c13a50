import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { controlChangeOfOpening } from '../domain/control-change.ts';
import { occurredAtMs, requireField, sessionRefOf } from './event-fields.ts';
import { recordControlChange } from './record-control-change.ts';

/** Audits the opening; if a human is in control, it also starts a handover and creates a reminder. */
export const recordSessionCreated =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'sessionCreated') return;
    const { value } = event.payload;
    const opened = requireField(value.session, 'session');
    await recordControlChange(deps, {
      eventId: event.eventId,
      session: sessionRefOf(event, opened.shopName),
      change: controlChangeOfOpening(value, opened, occurredAtMs(event)),
      unattendedMessage: value.unattendedMessage,
    });
  };
