import { readFileSync } from 'node:fs';
import { afterAll, expect, it } from 'vitest';
import { docCommands } from '../../scripts/generate-docs/code-blocks.ts';
import { executableDocs } from '../../scripts/generate-docs/generated-blocks.ts';
import { ORDERS_PAGE, startOrderSystem } from '../../scripts/generate-docs/order-system.ts';
import { maskVariableParts, runDocCommands } from '../../scripts/generate-docs/run-doc-commands.ts';
import { onEveryBackend } from '../support/every-backend.ts';
import type { TestSystem } from '../support/test-system.ts';

const orders = await startOrderSystem();
afterAll(() => orders[Symbol.asyncDispose]());

/** Runs all commands of a page, and compares their output with the page. */
const answersAsPrinted = (files: readonly string[]) => (system: () => TestSystem) =>
  it.each(files)('answer as %s prints', { timeout: 60_000 }, async (file) => {
    const page = readFileSync(file, 'utf8');
    const answers = await runDocCommands(page, system().rest.baseUrl, orders.substitutions);
    const shown = docCommands(page).flatMap(({ output }, index) => (output ? [{ index, text: output.text }] : []));
    expect(shown.length).toBeGreaterThan(0);
    const real = shown.map(({ index }) => maskVariableParts(answers[index] ?? ''));
    expect(real).toEqual(shown.map(({ text }) => maskVariableParts(text)));
  });

const others = executableDocs.filter((file) => file !== ORDERS_PAGE);
onEveryBackend('the examples in the pages', answersAsPrinted(others));
onEveryBackend('the examples with an order system', answersAsPrinted([ORDERS_PAGE]), { env: orders.env });
