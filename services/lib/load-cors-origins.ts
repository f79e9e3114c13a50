const VARIABLE = 'AUTOSESSION_CORS_ORIGINS';

/** The origins of a list with commas, each as a browser sends it. What is wrong goes to `problem` as a sentence. */
export function parseCorsOrigins(text: string, problem: (sentence: string) => void): string[] {
  const origins = text
    .split(',')
    .map((origin) => origin.trim())
    .filter(Boolean);
  const wrong = origins.filter((origin) => !isOrigin(origin));
  if (wrong.length > 0)
    problem(
      `${VARIABLE} names ${wrong.join(', ')}: it has to be origins as browsers send them, as in https://workbench.example or http://localhost:5173, with commas between them. There is no sign that stands for all.`,
    );
  return origins;
}

/** Lower case, no path, no port that goes without saying: it is compared letter by letter. */
function isOrigin(text: string): boolean {
  return /^https?:[^*]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
