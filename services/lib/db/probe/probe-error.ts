/** The error of a failed probe: names the finding and what it would break. */
export function probeError(what: string): Error {
  return new Error(`the database cannot be used: ${what}`);
}
