// Writes what the pages say of the code: tables, diagrams and times, and with --walk the answers to the commands that they
// have their readers type, from a system that is started for it.
import { readFileSync, writeFileSync } from 'node:fs';
import { startServer } from '../../examples/demo/server.ts';
import { answersOf, withAnswers } from '../docs/answers.ts';
import { takeCodeFrom } from '../docs/code-blocks.ts';
import { sections, translations, walks } from '../docs/generated.ts';
import { ORDERS_PAGE, orderSystem } from '../docs/order-system.ts';
import { writeSection } from '../docs/section.ts';

for (const { file, name, text } of sections()) writeSection(file, name, text);
if (process.argv.includes('--walk')) {
  await using orders = await orderSystem();
  for (const file of walks) {
    await using server = await startServer(file === ORDERS_PAGE ? orders.env : {});
    const page = readFileSync(file, 'utf8');
    writeFileSync(file, withAnswers(page, await answersOf(page, server.url, orders.places)));
  }
}
for (const [original, translation] of translations) takeCodeFrom(original, translation);
