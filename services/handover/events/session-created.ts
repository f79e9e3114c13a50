import type { Event } from '../../../gen/autosession/event/v1/event_pb.js';
import type { HandoverDeps } from '../deps.ts';
import { changeOfOpening } from '../domain/control-change.ts';
import { partiesOf, present, timeOf } from './read.ts';
import { recordChange } from './record-change.ts';

/** An opening begins the audit; that of a human session also begins a handover and reminds. */
export const onSessionCreated =
  (deps: HandoverDeps) =>
  async (event: Event): Promise<void> => {
    if (event.payload.case !== 'sessionCreated') return;
    const { value } = event.payload;
    const opened = present(value.session, 'session');
    await recordChange(deps, {
      eventId: event.eventId,
      session: partiesOf(event, opened.shopName),
      change: changeOfOpening(value, opened, timeOf(event)),
      unattendedMessage: value.unattendedMessage,
    });
  };
