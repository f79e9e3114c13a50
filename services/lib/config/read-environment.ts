import { readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import { ConfigError } from './load-config.ts';

/** A line that begins with the name of a variable and goes on with anything but `=`. */
const LINE_WITHOUT_VALUE = /^(?:export\s+)?([A-Z]+(?:_[A-Z]+)+)\b(?!\s*(?:=|#|$))/;

/** The process's environment over what `.env` in the working directory says. Throws ConfigError when that cannot be read. */
export function readEnvironment(directory = process.cwd()): Readonly<Record<string, string | undefined>> {
  const file = `${directory}/.env`;
  const text = readText(file);
  const fromFile = parseEnv(text);
  const problems = linesWithoutValue(text, Object.values(fromFile)).map(
    (name) => `${file} has a line that begins with ${name} and sets nothing: write ${name}=VALUE.`,
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return { ...fromFile, ...process.env };
}

/** Reads a UTF-8 file, without its byte-order mark; empty without the file. Throws ConfigError for any other encoding. */
function readText(file: string): string {
  const bytes = readBytes(file);
  // UTF-16 encodes every ASCII character with a NUL byte
  if (bytes.includes(0)) throw new ConfigError([`${file} is in UTF-16: save it in UTF-8.`]);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ConfigError([`${file} is not in UTF-8: save it in UTF-8.`]);
  }
}

function readBytes(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return new Uint8Array();
    throw new ConfigError([
      `${file} cannot be read: make it a file that this user may read, or remove it (${message}).`,
    ]);
  }
}

/** The names of variables that a line of the file seems to set, and does not. Lines within a value are part of it. */
function linesWithoutValue(text: string, values: readonly (string | undefined)[]): string[] {
  return text.split(/\r?\n/).flatMap((line) => {
    const name = LINE_WITHOUT_VALUE.exec(line.trim())?.[1];
    const inner = line.replace(/["'`]\s*$/, '');
    return name === undefined || values.some((value) => value?.includes(inner)) ? [] : [name];
  });
}
