import { closest, distance } from 'fastest-levenshtein';

/** The candidate that `name` was probably meant to be, or undefined. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  const known = [...candidates];
  if (known.length === 0) return undefined;
  const wanted = normalised(name);
  const alike = known.find((candidate) => normalised(candidate) === wanted);
  if (alike !== undefined) return alike;
  const best = closest(name, known);
  // A third of the letters may be wrong, but never all of a short name.
  const allowed = Math.max(1, Math.floor(Math.max(name.length, best.length) / 3));
  const swapped = known.find((candidate) => letters(candidate) === letters(name));
  if (swapped !== undefined) return swapped;
  const isClose = distance(name.toLowerCase(), best.toLowerCase()) <= allowed;
  return isClose && name.length > 1 ? best : undefined;
}

/** `; did you mean "x"?`, or nothing. */
export function didYouMean(name: string, candidates: Iterable<string>): string {
  const candidate = nearest(name, candidates);
  return candidate === undefined ? '' : `; did you mean "${candidate}"?`;
}

function letters(name: string): string {
  return name.toLowerCase().split('').sort().join('');
}

/** Case, separators and a plural do not matter. */
function normalised(name: string): string {
  return name
    .toLowerCase()
    .replaceAll(/[-_. ]/g, '')
    .replace(/ies$/, 'y')
    .replace(/s$/, '');
}
