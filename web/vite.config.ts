import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// While developing, `vite` serves the page and hands the API to the daemon, or to `npm run household`.
const daemon = process.env.EQUALNET_URL ?? "http://127.0.0.1:8099";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    target: "es2022",
    // No `data:` addresses: the page is served with `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: { "/api": { target: daemon, ws: true, changeOrigin: true } },
  },
});
