// Package jsondoc validates, reads and builds JSON documents in the dialect of
// this protocol: what Python's json.loads accepts from a UTF-8 text. That is RFC
// 8259 plus the numbers NaN, Infinity and -Infinity, which Python and LabVIEW
// write, lone surrogate escapes, duplicate keys, and numbers of any size and
// length. Invalid UTF-8, a byte order mark and an empty text are errors.
//
// It is not a decoder into Go values. A Document keeps the received text as it is,
// finds values in it by JSON pointer, and converts only the values that are asked
// for. Everything but the Validator therefore relies on text that was validated
// before.
//
// We do not use a library because no maintained one has this grammar.
// encoding/json, its v2 and jsontext, simdjson-go and sonic reject NaN and
// Infinity, and encoding/json replaces invalid UTF-8 by U+FFFD; fastjson accepts
// "nan" and "inf" in any case, which Python does not; gjson checks neither UTF-8
// nor escapes. None of them can stop inside a text and continue later, which is
// how a message is validated while the rest of it is still in transit. The tests
// compare the grammar with Python's json module.
//
// On amd64 with AVX2 long strings and arrays of numbers are validated 64 bytes at a
// time (classify_amd64.s), and the usual numbers of arrays are read without a loop over
// their digits (read_vectors_amd64.s). The portable code does the same, and does all on
// other processors; the tests compare the two.
package jsondoc
