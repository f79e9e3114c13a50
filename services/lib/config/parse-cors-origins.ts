const VARIABLE = 'AUTOSESSION_CORS_ORIGINS';

/**
 * Parses a comma-separated list of origins, in the form that browsers send. Passes what is wrong to `problem` as a sentence.
 */
export function parseCorsOrigins(text: string, report: (sentence: string) => void): string[] {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean);
  const wrong = origins.filter((origin) => !isOrigin(origin));
  if (wrong.length > 0)
    report(
      `${VARIABLE} names ${wrong.join(', ')}: use comma-separated origins in the form that browsers send, such as https://workbench.example or http://localhost:5173. There is no wildcard.`,
    );
  return origins;
}

/** Lower case, no path, no default port: origins are compared as strings. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
