import { existsSync } from 'node:fs';
import { loadEnvFile } from 'node:process';
import { CommanderError } from 'commander';
import { ExitCode, explain } from './failure.ts';
import { endWithReader } from './output.ts';
import { program } from './program.ts';

if (existsSync('.env')) loadEnvFile();
endWithReader();
const cli = program();
try {
  await cli.parseAsync();
} catch (error) {
  // commander has said by itself what is wrong with the words
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? ExitCode.OK : ExitCode.USAGE;
  else {
    process.stderr.write(`${explain(error, cli.opts().json === true)}\n`);
    process.exitCode = ExitCode.FAILED;
  }
}
