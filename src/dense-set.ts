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
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  /** The member at `place`, below `size`. */
  at(place: number): Member | undefined {
    return this.#members[place];
  }

  add(member: Member): void {
    if (member.place >= 0) return;
    member.place = this.#members.length;
    this.#members.push(member);
  }

  /** False when it was not there. */
  delete(member: Member): boolean {
    const { place } = member;
    if (place < 0) return false;
    const last = this.#members.pop() as Member;
    if (last !== member) {
      this.#members[place] = last;
      last.place = place;
    }
    member.place = -1;
    return true;
  }

  /** All members; those that leave meanwhile may be missed, and others be met twice. */
  *[Symbol.iterator](): Iterator<Member> {
    for (let place = this.size - 1; place >= 0; place--) {
      const member = this.#members[place];
      if (member !== undefined) yield member;
    }
  }
}
