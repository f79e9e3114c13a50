// Writes the generated blocks of the pages: tables, diagrams and times. With --refresh-output it also runs the pages' commands
// against a system that it starts, and updates the output that the pages show.
import { readFileSync, writeFileSync } from 'node:fs';
import { startServer } from '../../examples/demo/server.ts';
import { executableDocs, generatedBlocks, translations } from './generated-blocks.ts';
import { writeMarkerBlock } from './marker-block.ts';
import { ORDERS_PAGE, startOrderSystem } from './order-system.ts';
import { replaceOutputs, runDocCommands } from './run-doc-commands.ts';
import { syncCodeBlocks } from './sync-code-blocks.ts';

for (const { file, name, text } of generatedBlocks()) writeMarkerBlock(file, name, text);
if (process.argv.includes('--refresh-output')) {
  await using orders = await startOrderSystem();
  for (const file of executableDocs) {
    await using server = await startServer(file === ORDERS_PAGE ? orders.env : {});
    const page = readFileSync(file, 'utf8');
    writeFileSync(file, replaceOutputs(page, await runDocCommands(page, server.url, orders.substitutions)));
  }
}
for (const [original, translation] of translations) syncCodeBlocks(original, translation);
