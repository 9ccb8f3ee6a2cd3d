// Start of the page in a browser: the token is in the fragment, a person's name in ?as=NAME.
import { http, mount } from "/page.js";

const person = new URLSearchParams(location.search).get("as") ?? "";
mount(document.getElementById("alkit"), http(location.hash.slice(1)), { person, keys: document });
addEventListener("hashchange", () => location.reload());
