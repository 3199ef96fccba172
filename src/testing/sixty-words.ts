/** An answer of sixty words with what cuts are dangerous to: characters of two to four bytes, surrogate pairs, a family joined of several, combining marks, CJK, double spaces and empty lines. */
export const sixtyWords = [
  "Well, the naïve café owner said “yes” to everything 🙂 that day.\n\n",
  "She poured 咖啡 for 👩‍👩‍👧‍👦 families in a row;  two spaces.\n",
  "Then Zoë, with e\u0301clairs, sang “日本語 の 歌” loudly, 🎉🎉 until the piano\tstopped.\n\n",
  "Nobody left before midnight 🌙, the river 🌊 had risen: 12 cm!\n",
  "At dawn, 🏳️‍🌈 flags dried; 한국어 ещё раз, all went home.",
].join("");
