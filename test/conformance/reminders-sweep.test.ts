import { describe, expect, it } from 'vitest';
import { sweep } from '../../services/handover/delivery/sweep.ts';
import { Story } from '../unit/handover/events.ts';
import { databases, type RunningHandover, START, startHandover } from '../unit/handover/service.ts';

const DAY_MS = 86_400_000;

describe.each(databases)('what handover removes on %s', (database) => {
  const start = (days: number) => startHandover(database, undefined, { AUTOSESSION_RETENTION_DAYS: String(days) });
  const counts = async (service: RunningHandover) => ({
    handovers: (await service.rows('handovers')).length,
    reminders: (await service.rows('reminders')).length,
    deliveries: (await service.rows('reminder_deliveries')).length,
    counted: (await service.rows('reminder_counted_events')).length,
    audit: (await service.rows('audit_entries')).length,
  });
  const ended = new Story('ses_1', START).open('pending').messages(1).command('release').events;

  it('removes ended handovers and delivered reminders after their time, never the audit', async () => {
    await using service = await start(30);
    await service.handle(ended);
    service.clock.advance(10_000);
    await service.deliver();
    const before = { handovers: 1, reminders: 2, deliveries: 2, counted: 1, audit: 2 };
    service.clock.advance(29 * DAY_MS);
    await sweep(service.deps);
    expect(await counts(service)).toEqual(before);
    service.clock.advance(2 * DAY_MS);
    await sweep(service.deps);
    expect(await counts(service)).toEqual({ handovers: 0, reminders: 0, deliveries: 0, counted: 0, audit: 2 });
  });

  it('keeps what has not ended and what has not been delivered', async () => {
    await using service = await start(30);
    await service.handle(new Story('ses_1', START).open('pending').events);
    service.clock.advance(60 * DAY_MS);
    await sweep(service.deps);
    expect(await counts(service)).toMatchObject({ handovers: 1, reminders: 1 });
  });

  it('keeps reminders as long as their events can come again, however short the retention', async () => {
    await using service = await start(1);
    await service.handle(ended);
    service.clock.advance(10_000);
    await service.deliver();
    service.clock.advance(3 * DAY_MS);
    await sweep(service.deps);
    await service.handle(ended);
    expect(await counts(service)).toMatchObject({ reminders: 2, counted: 1 });
  });

  it('keeps everything when the retention is 0', async () => {
    await using service = await start(0);
    await service.handle(ended);
    await service.deliver();
    service.clock.advance(10_000 * DAY_MS);
    await sweep(service.deps);
    expect(await counts(service)).toMatchObject({ handovers: 1, reminders: 2 });
  });

  it('gives up a delivery on a channel that is not configured any more, after a day', async () => {
    await using service = await start(30);
    await service.handle(new Story('ses_1', START).open('pending').events);
    const renamed = { ...service.deps, channels: [{ name: 'other', deliver: async () => {} }] };
    await sweep(renamed);
    expect(await service.rows('reminders')).toMatchObject([{ state: 'pending' }]);
    service.clock.advance(DAY_MS + 1_000);
    await sweep(renamed);
    expect(await service.rows('reminders')).toMatchObject([
      { state: 'failed', last_error: 'the channel is not configured any more' },
    ]);
  });
});
