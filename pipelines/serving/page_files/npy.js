"use strict";

// NPY, the file format of numpy's arrays: pixels reach the server exactly as they were drawn.

/** A file of bytes as an array (height, width, channels) of uint8. */
function npyFile(values, shape) {
  const fields = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")}), }`;
  const preface = 10; // bytes: a magic string, two of the version, two of the header's length
  const padding = 63 - ((preface + fields.length) % 64);
  const header = `${fields}${" ".repeat(padding)}\n`;
  const length = [header.length & 255, header.length >> 8];
  const magic = [0x93, ...new TextEncoder().encode("NUMPY"), 1, 0];
  const parts = [new Uint8Array([...magic, ...length]), new TextEncoder().encode(header), values];
  return new Blob(parts, { type: "application/x-npy" });
}
