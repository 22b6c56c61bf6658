// @ts-check
import { OperatorApp } from "./app.js";

void new OperatorApp().begin();
