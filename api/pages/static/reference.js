// The interactive reference of the API: Swagger UI, whose files this server has, with the description of the API.
window.SwaggerUIBundle({
  url: "openapi.json",
  domNode: document.getElementById("reference"),
  deepLinking: true,
  defaultModelsExpandDepth: -1,
  docExpansion: "list",
  queryConfigEnabled: false,
  validatorUrl: null,
});
