import { describe, expect, it } from "vitest";
import { connectionCode, neverArrived } from "./connection-code.ts";

const coded = (code: string, fields: object = {}) => Object.assign(new Error(code), { code, ...fields });

describe("connectionCode", () => {
  it("finds the code in a chain of causes", () => {
    expect(connectionCode(new Error("fetch failed", { cause: new Error("x", { cause: coded("ECONNRESET") }) }))).toBe(
      "ECONNRESET",
    );
  });

  it("finds the code of the first address tried", () => {
    expect(connectionCode(new AggregateError([coded("ECONNREFUSED"), coded("ENETUNREACH")]))).toBe("ECONNREFUSED");
  });

  it("ends with a cause that is its own cause, and with no error at all", () => {
    const circular = new Error("round");
    circular.cause = circular;
    expect(connectionCode(circular)).toBeUndefined();
    expect(connectionCode("ECONNRESET")).toBeUndefined();
    expect(connectionCode(coded("insufficient"))).toBeUndefined();
  });
});

describe("neverArrived", () => {
  it.each(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "UND_ERR_CONNECT_TIMEOUT"])("%s: nothing was sent", (code) => {
    expect(neverArrived(new Error("fetch failed", { cause: coded(code) }))).toBe(true);
  });

  it.each(["ECONNRESET", "EPIPE", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT"])("%s: it may have arrived", (code) => {
    expect(neverArrived(coded(code))).toBe(false);
  });
});
