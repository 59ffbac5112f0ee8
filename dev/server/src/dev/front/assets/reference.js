// Renders the page's OpenAPI document. Requests go to this server, whatever servers the document lists.
const here = () => ({
  statePlugins: {
    spec: {
      wrapActions: {
        updateJsonSpec: (update) => (document) =>
          update({ ...document, servers: [{ url: location.origin, description: "This server." }] }),
      },
    },
  },
});

SwaggerUIBundle({
  url: document.getElementById("reference").dataset.document,
  domNode: document.getElementById("reference"),
  plugins: [here],
  deepLinking: true,
  tryItOutEnabled: true,
  // Never asks a validator on the internet.
  validatorUrl: null,
});

const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
