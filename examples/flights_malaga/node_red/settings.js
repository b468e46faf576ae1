// Settings of Node-RED for the map of flights.

// The broker that flows.json reads from; Node-RED puts variables into the fields of its boxes.
process.env.KML_KAFKA_BOOTSTRAP_SERVERS ||= "127.0.0.1:9092";

module.exports = {
  flowFile: "flows.json",
  flowFilePretty: true,
  // Whoever reaches the editor can run programs on this machine, and nobody is asked for a password.
  uiHost: "127.0.0.1",
  uiPort: process.env.PORT || 1880,
  credentialSecret: false,
  // Nothing is asked of the internet.
  telemetry: { enabled: false, updateNotification: false },
  editorTheme: { tours: false },
  externalModules: { palette: { allowInstall: false } },
};
