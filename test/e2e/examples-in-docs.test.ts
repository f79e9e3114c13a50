import { readFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { answersOf, masked } from '../../scripts/docs/answers.ts';
import { stepsOf } from '../../scripts/docs/fences.ts';
import { walks } from '../../scripts/docs/generated.ts';
import { ORDERS_PAGE, orderSystem } from '../../scripts/docs/order-system.ts';
import { onEveryBackend } from '../every-backend.ts';
import type { World } from '../world.ts';

const orders = await orderSystem();
afterAll(() => orders[Symbol.asyncDispose]());

/** Types all that a page has its reader type, and compares what comes with what the page shows. */
const answersAsPrinted = (files: readonly string[]) => (world: () => World) =>
  it.each(files)('answer as %s prints', { timeout: 60_000 }, async (file) => {
    const page = readFileSync(file, 'utf8');
    const answers = await answersOf(page, world().rest.baseUrl, orders.places);
    const shown = stepsOf(page).flatMap(({ answer }, index) => (answer ? [{ index, text: answer.text }] : []));
    expect(shown.length).toBeGreaterThan(0);
    const real = shown.map(({ index }) => masked(answers[index] ?? ''));
    expect(real).toEqual(shown.map(({ text }) => masked(text)));
  });

const others = walks.filter((file) => file !== ORDERS_PAGE);
onEveryBackend('the examples in the pages', answersAsPrinted(others));
onEveryBackend('the examples with an order system', answersAsPrinted([ORDERS_PAGE]), { env: orders.env });
