/** What can be in a dense set, in one at a time. */
export interface Placed {
  /** Where it is in the set; -1 while it is in none. */
  place: number;
}

/**
 * A set whose members come and go by the thousand a second, in no order. A `Set` makes itself a new
 * table every few dozen of them, and to V8's collector of young objects an old table still holds
 * what was in it: everything of closed connections would live on until the next full collection.
 */
export class DenseSet<Member extends Placed> {
  /** Behind the members there are free places: an array that shrinks and grows leaves old tables, too. */
  readonly #members: (Member | null)[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The member at `place`; null from `size` on. */
  at(place: number): Member | null {
    return this.#members[place] ?? null;
  }

  add(member: Member): void {
    if (member.place >= 0) return;
    member.place = this.#size;
    this.#members[this.#size++] = member;
  }

  /** False when it was not there. */
  delete(member: Member): boolean {
    const { place } = member;
    if (place < 0) return false;
    const last = this.#members[--this.#size] as Member;
    this.#members[this.#size] = null;
    if (last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    return true;
  }

  /** All members; those that leave meanwhile may be missed, and others be met twice. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let place = this.#size - 1; place >= 0; place--) {
      const member = this.at(place);
      if (member !== null) yield member;
    }
  }
}
