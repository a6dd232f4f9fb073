// Elements of the page.

export const $ = (id) => document.getElementById(id);
