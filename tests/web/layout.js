// Facts of the layout of a page, for test_layout.py.
({
  /** Where panels, columns, controls and figures are: what must not move. */
  boxes() {
    const wanted = "header, main, footer, .panel, .columns span, .figures > div, .tools > *, .last, .selector, #entry .send, #entry .field, #entry .cost div, .tabs button, #blotter th, #blotter td.actions, #connection > *";
    const found = {};
    [...document.querySelectorAll(wanted)].forEach((each, place) => {
      if (!each.checkVisibility() || each.closest(".hidden")) return;
      const { left, top, width, height } = each.getBoundingClientRect();
      found[`${place} ${each.tagName}.${each.classList[0] ?? ""}#${each.id}`] = [left, top, width, height].map(Math.round);
    });
    return found;
  },

  /** Panels that lie over each other or beyond the window. */
  overlaps() {
    const seen = [...document.querySelectorAll("header, .panel, footer, #tabs")]
      .filter((each) => each.checkVisibility())
      .map((each) => [each.id || each.tagName, each.getBoundingClientRect()]);
    const wrong = seen
      .filter(([, box]) => box.left < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1 || box.height < 20)
      .map(([name]) => `${name} is beyond the window`);
    for (const [name, a] of seen) {
      for (const [other, b] of seen) {
        const beside = a.left >= b.right - 1 || b.left >= a.right - 1 || a.top >= b.bottom - 1 || b.top >= a.bottom - 1;
        if (name < other && !beside) wrong.push(`${name} is over ${other}`);
      }
    }
    if (document.documentElement.scrollWidth > innerWidth) wrong.push("the page is wider than its window");
    return wrong;
  },

  /** Columns of numbers whose digits do not end on one line, or are cut. */
  ragged() {
    const textOf = (each) => {
      const range = document.createRange();
      range.selectNodeContents(each);
      return range.getBoundingClientRect();
    };
    const columns = {
      "sizes of the book": "#book [role=row] .size",
      "totals of the book": "#book [role=row] .total",
      "sizes of the tape": "#tape [role=row] .size",
      costs: "#entry .cost dd",
      "prices of orders": "#blotter td[data-label=Price]",
    };
    const wrong = [];
    for (const [name, cells] of Object.entries(columns)) {
      const rows = [...document.querySelectorAll(cells)].filter((each) => each.checkVisibility() && each.textContent.trim());
      const ends = rows.map((each) => textOf(each).right);
      if (Math.max(...ends) - Math.min(...ends) > 1) wrong.push(name);
      for (const each of rows) {
        if (textOf(each).left < each.parentElement.getBoundingClientRect().left - 1) wrong.push(`${name}: ${each.textContent} is cut`);
      }
    }
    return wrong;
  },
})
