import { readdirSync } from 'node:fs';
import { join } from 'node:path';

/** The source files below these folders (TypeScript unless `names` says otherwise), by path from the root of the repository. */
export function sourceFiles(folders: readonly string[], names = /\.ts$/): string[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => names.test(file))
      .map((file) => join(folder, file)),
  );
}
