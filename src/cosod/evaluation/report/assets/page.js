// Sorts a table by the column whose heading is pressed; pressing it again reverses the order.
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const heading = button.parentElement;
    const row = heading.parentElement;
    const table = row.closest("table");
    const column = [...row.children].indexOf(heading);
    const first = heading.dataset.first || "ascending";
    const other = first === "ascending" ? "descending" : "ascending";
    const order = heading.getAttribute("aria-sort") === first ? other : first;
    for (const each of row.children) each.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", order);
    const sign = order === "ascending" ? 1 : -1;
    const value = (tr) => tr.children[column].dataset.value;
    const body = table.tBodies[0];
    const rows = [...body.rows].sort((a, b) => {
      const x = value(a), y = value(b);
      if (x === undefined || y === undefined) {
        const names = a.children[column].textContent.localeCompare(b.children[column].textContent, undefined, { numeric: true });
        return sign * names;
      }
      if (x === "" || y === "") return (x === "") - (y === ""); // rows without a figure stay at the end
      return sign * (x - y);
    });
    body.append(...rows);
  });
}
