/** Settings of the command line and of clients, which may share an environment or a `.env` with the services. */
const CLIENT_SETTINGS = ['AUTOSESSION_URL', 'AUTOSESSION_API_KEY', 'AUTOSESSION_HANDED_OVER'];
/** Matches any case: a name in the wrong case is ignored. */
const OWN_SETTING = /^auto_?session_/i;
/** Variables that Kubernetes and Docker links set for a service whose name begins with `autosession`. */
const LINK_VARIABLE = /_SERVICE_(HOST|PORT)(_|$)|_PORT_\d+_(TCP|UDP|SCTP)(_|$)/;
const LINK_VALUE = /^(tcp|udp|sctp):\/\//;

/**
 * A sentence for each variable that is named like a setting, has a value, and is not in `known`: it would be ignored silently.
 */
export function unknownSettings(
  env: Readonly<Record<string, string | undefined>>,
  readNames: ReadonlySet<string>,
): string[] {
  const settings = [...readNames, ...CLIENT_SETTINGS];
  const isUnknown = (name: string) =>
    OWN_SETTING.test(name) && !settings.includes(name) && !isLink(name, env[name] ?? '');
  const names = Object.keys(env).filter((name) => isUnknown(name) && env[name]?.trim());
  return names.map((name) => `${name} is no setting: ${suggestion(name, settings)}`);
}

function isLink(name: string, value: string): boolean {
  return LINK_VARIABLE.test(name) || (name.endsWith('_PORT') && LINK_VALUE.test(value));
}

function suggestion(name: string, settings: readonly string[]): string {
  const ownSettings = settings
    .filter((each) => OWN_SETTING.test(each))
    .map((each) => ({ each, away: editDistance(name, each) }));
  const [nearest] = ownSettings.sort((a, b) => a.away - b.away);
  return nearest ? `the nearest one is ${nearest.each}.` : 'there is none like it.';
}

/** The edit distance of two names, ignoring case; 1 when a name contains all words of the given one and more. */
function editDistance(one: string, other: string): number {
  const [a, b] = [one.toUpperCase(), other.toUpperCase()];
  const words = b.split('_');
  if (a !== b && a.split('_').every((word) => words.includes(word))) return 1;
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + Number(a[i - 1] !== b[j - 1]));
    row = next;
  }
  return row[b.length]!;
}
