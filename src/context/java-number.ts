/** Digits of a fraction in base 16 that a number can hold; further ones change nothing. */
const exactHexDigits = 14;

/** Texts up to this length may have digits of other scripts. */
const longestForeign = 64 << 10;

const hexadecimal = /^([+-]?)0x(?:([0-9a-f]+)\.?|([0-9a-f]*)\.([0-9a-f]+))p([+-]?\d+)[fd]?$/i;
const withType = /^[^x]*[\d.][fd]$/i;

/**
 * The number that Java reads in a text, and so Elasticsearch in a value that should be a number; NaN
 * for none. Beyond what JavaScript reads: control characters around it, `500d`, `0x1f4p0`, and digits
 * of other scripts.
 */
export function javaNumberOf(text: string): number {
  const bare = trimmed(text);
  const plain = bare.length > longestForeign ? bare : bare.replace(/[^\0-\x7f]/g, asciiDigit);
  if (plain === '') return Number.NaN;
  const hex = hexadecimal.exec(plain);
  if (hex === null) return Number(withType.test(plain) ? plain.slice(0, -1) : plain);
  const [, sign, whole = hex[3] as string, , fraction = '', exponent] = hex;
  const digits = (whole + fraction).replace(/^0+/, '');
  const value = Number.parseInt(digits.slice(0, exactHexDigits) || '0', 16);
  const dropped = Math.max(0, digits.length - exactHexDigits) - fraction.length;
  const size = value === 0 ? 0 : value * 2 ** (Number(exponent) + 4 * dropped);
  return sign === '-' ? -size : size;
}

/** Without what Java takes for blanks at both ends. */
function trimmed(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text.charCodeAt(start) <= 0x20) start++;
  while (end > start && text.charCodeAt(end - 1) <= 0x20) end--;
  return text.slice(start, end);
}

/** ASCII's digit for one of another script, of which ten stand in a row. */
function asciiDigit(character: string): string {
  if (!/\p{Nd}/u.test(character)) return character;
  const code = character.charCodeAt(0);
  let zero = code;
  while (/\p{Nd}/u.test(String.fromCharCode(zero - 1))) zero--;
  return `${code - zero}`;
}
