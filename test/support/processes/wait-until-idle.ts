import { eventually } from '../eventually.ts';

/** Waits until all events are published and every consumer is idle. */
export async function waitUntilIdle(url: string): Promise<void> {
  let handled = -1;
  await eventually(
    async () => {
      const text = await (await fetch(`${url}/metrics`)).text();
      const sum = (name: string) =>
        [...text.matchAll(new RegExp(`^autosession_${name}(?:\\{.*\\})? (\\d+)$`, 'gm'))].reduce(
          (all, row) => all + Number(row[1]),
          0,
        );
      const before = handled;
      handled = sum('events_consumed_total');
      if (sum('outbox_depth') > 0 || handled !== before) throw new Error(`not idle: ${sum('outbox_depth')} to publish`);
    },
    30_000,
    500,
  );
}
