/** 1 for each character that a field name (a token) may have. */
const tokenCharacters = new Uint8Array(256);
for (const character of "!#$%&'*+-.^_`|~0123456789") tokenCharacters[character.charCodeAt(0)] = 1;
for (let code = 0x41; code <= 0x5a; code++)
  tokenCharacters[code] = tokenCharacters[code | 0x20] = 1;

const illegalInLine = /[^\t\x20-\x7e\x80-\xff]/;

/** Index of the first character from `from` on that no field name may have. */
export function tokenEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && tokenCharacters[text.charCodeAt(at)] === 1) at++;
  return at;
}

export function isToken(text: string): boolean {
  return text.length > 0 && tokenEnd(text, 0) === text.length;
}

/** Whether a field's value, or any line, holds what must not be on the wire. */
export function isIllegalValue(value: string): boolean {
  return illegalInLine.test(value);
}

/** Whether `name` is `lower`, which is in lower case, in any case. */
export function isNamed(name: string, lower: string): boolean {
  if (name.length !== lower.length) return false;
  for (let i = 0; i < name.length; i++) {
    const code = name.charCodeAt(i);
    const isCapital = code >= 0x41 && code <= 0x5a;
    if ((isCapital ? code | 0x20 : code) !== lower.charCodeAt(i)) return false;
  }
  return true;
}
