// @ts-check
import { App } from "./app.js";

void new App().begin();
