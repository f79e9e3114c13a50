const LOADS =
  /\b(?:src|href|action|srcset|poster|data)="([^"]*)"|\burl\(([^)]*)\)|@import\s+(\S+)|\bimport\b[^'"]*['"]([^'"]+)/g;

/** A script or a style that stands in the page itself. */
export const inlineCode = /<style|<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:/i;

/** What a page, a style or a picture makes a browser load that is neither of this server nor in the text itself. */
export function loadsFromElsewhere(text: string): string[] {
  const targets = [...text.matchAll(LOADS)].map(([, ...found]) => found.find((each) => each !== undefined) ?? '');
  return targets.filter((target) => !/^["']?(\/(?!\/)|#|data:)/.test(target));
}
