import { describe, expect, it } from 'vitest';
import { runHandoverPurge } from '../../services/handover/jobs/purge.ts';
import { EventScript } from '../support/handover/event-script.ts';
import { databases, type HandoverHarness, START, startHandoverHarness } from '../support/handover/handover-harness.ts';

const DAY_MS = 86_400_000;

describe.each(databases)('the retention of handover on %s', (database) => {
  const start = (days: number) =>
    startHandoverHarness(database, undefined, { AUTOSESSION_RETENTION_DAYS: String(days) });
  const counts = async (service: HandoverHarness) => ({
    handovers: (await service.rows('handovers')).length,
    reminders: (await service.rows('reminders')).length,
    deliveries: (await service.rows('reminder_deliveries')).length,
    counted: (await service.rows('reminder_counted_events')).length,
    audit: (await service.rows('audit_entries')).length,
  });
  const ended = new EventScript('ses_1', START).open('pending').messages(1).command('release').events;

  it('removes ended handovers and delivered reminders after their time, never the audit', async () => {
    await using service = await start(30);
    await service.handle(ended);
    service.clock.advance(10_000);
    await service.deliverDue();
    const before = { handovers: 1, reminders: 2, deliveries: 2, counted: 1, audit: 2 };
    service.clock.advance(29 * DAY_MS);
    await runHandoverPurge(service.deps);
    expect(await counts(service)).toEqual(before);
    service.clock.advance(2 * DAY_MS);
    await runHandoverPurge(service.deps);
    expect(await counts(service)).toEqual({ handovers: 0, reminders: 0, deliveries: 0, counted: 0, audit: 2 });
  });

  it('keeps what has not ended and what has not been delivered', async () => {
    await using service = await start(30);
    await service.handle(new EventScript('ses_1', START).open('pending').events);
    service.clock.advance(60 * DAY_MS);
    await runHandoverPurge(service.deps);
    expect(await counts(service)).toMatchObject({ handovers: 1, reminders: 1 });
  });

  it('keeps reminders for as long as their events can be repeated, however short the retention', async () => {
    await using service = await start(1);
    await service.handle(ended);
    service.clock.advance(10_000);
    await service.deliverDue();
    service.clock.advance(3 * DAY_MS);
    await runHandoverPurge(service.deps);
    await service.handle(ended);
    expect(await counts(service)).toMatchObject({ reminders: 2, counted: 1 });
  });

  it('keeps everything when the retention is 0', async () => {
    await using service = await start(0);
    await service.handle(ended);
    await service.deliverDue();
    service.clock.advance(10_000 * DAY_MS);
    await runHandoverPurge(service.deps);
    expect(await counts(service)).toMatchObject({ handovers: 1, reminders: 2 });
  });

  it('fails a delivery on a channel that is no longer configured after a day', async () => {
    await using service = await start(30);
    await service.handle(new EventScript('ses_1', START).open('pending').events);
    const renamed = { ...service.deps, channels: [{ name: 'other', deliver: async () => {} }] };
    await runHandoverPurge(renamed);
    expect(await service.rows('reminders')).toMatchObject([{ state: 'pending' }]);
    service.clock.advance(DAY_MS + 1_000);
    await runHandoverPurge(renamed);
    expect(await service.rows('reminders')).toMatchObject([
      { state: 'failed', last_error: 'the channel is not configured any more' },
    ]);
  });
});
