package jsondoc

import (
	"bytes"
	"strings"
	"testing"
)

// The classes of cases are those of N. Seriot, "Parsing JSON is a minefield"
// (2016), and of its JSONTestSuite, which many parsers publish results for. Cases are
// added where this protocol differs.

// suiteCase is a text with a name.
type suiteCase struct{ name, text string }

// accepted are JSON for every parser.
var accepted = []suiteCase{
	{"array with spaces", "[[]   ]"},
	{"array of an empty string", `[""]`},
	{"array empty", "[]"},
	{"array ending with newline", "[\"a\"]\n"},
	{"array of false", "[false]"},
	{"array heterogeneous", `[null, 1, "1", {}]`},
	{"array of null", "[null]"},
	{"array with 1 and newline", "[1\n]"},
	{"array with leading space", " [1]"},
	{"array with several nulls", "[1,null,null,null,2]"},
	{"array with trailing space", "[2] "},
	{"array nested", "[[[[[[]]]]]]"},
	{"array nested mixed", `[{"a": [{"b": []}]}]`},
	{"array with space before comma", "[1 ,2]"},
	{"array of every white space", "\t\r\n [\t\r\n 1\t\r\n ,\t\r\n 2\t\r\n ]\t\r\n "},

	{"number", "[123e65]"},
	{"number 0e+1", "[0e+1]"},
	{"number 0e1", "[0e1]"},
	{"number after space", "[ 4]"},
	{"number double close to zero", "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]"},
	{"number int with exponent", "[20e1]"},
	{"number minus zero", "[-0]"},
	{"number negative int", "[-123]"},
	{"number negative one", "[-1]"},
	{"number negative zero", "[-0.0]"},
	{"number real capital e", "[1E22]"},
	{"number real capital e negative exponent", "[1E-2]"},
	{"number real capital e positive exponent", "[1E+2]"},
	{"number real exponent", "[123e45]"},
	{"number real fraction and exponent", "[123.456e78]"},
	{"number real negative exponent", "[1e-2]"},
	{"number real positive exponent", "[1e+2]"},
	{"number simple int", "[123]"},
	{"number simple real", "[123.456789]"},
	{"number real with 0 before the exponent", "[0.0e0]"},
	{"number with zeros before the exponent's digits", "[1e0001]"},
	{"number zero alone", "[0]"},
	{"number zeros after the point", "[1.000]"},
	{"number largest double", "[1.7976931348623157e308]"},
	{"number smallest double", "[5e-324]"},

	{"object", `{"asd":"sdf", "dfg":"fgh"}`},
	{"object basic", `{"asd":"sdf"}`},
	{"object with duplicated key", `{"a":"b","a":"c"}`},
	{"object with duplicated key and value", `{"a":"b","a":"b"}`},
	{"object empty", "{}"},
	{"object with empty key", `{"":0}`},
	{"object with escaped NUL in key", `{"foo\u0000bar": 42}`},
	{"object with extreme numbers", `{ "min": -1.0e+28, "max": 1.0e+28 }`},
	{"object with long strings", `{"x":[{"id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}], "id": "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}`},
	{"object simple", `{"a":[]}`},
	{"object with unicode escapes", `{"title":"\u041f\u043e\u043b\u0442\u043e\u0440\u0430 \u0417\u0435\u043c\u043b\u0435\u043a\u043e\u043f\u0430" }`},
	{"object with newlines", "{\n\"a\": \"b\"\n}"},
	{"object with spaces around colon", `{"a" : 1}`},
	{"object with a key that is a pointer", `{"/a/0": 1, "~0": 2}`},
	{"object with every value", `{"a":null,"b":true,"c":false,"d":1,"e":1.5,"f":"","g":[],"h":{}}`},

	{"string 1, 2 and 3 byte sequences by escapes", `["\u0060\u012a\u12AB"]`},
	{"string accepted surrogate pair", `["\uD801\udc37"]`},
	{"string accepted surrogate pairs", `["\ud83d\ude39\ud83d\udc8d"]`},
	{"string allowed escapes", `["\"\\\/\b\f\n\r\t"]`},
	{"string backslash and u escaped zero", `["\\u0000"]`},
	{"string backslash double quotes", `["\""]`},
	{"string comments", `["a/*b*/c/*d//e"]`},
	{"string double escape a", `["\\a"]`},
	{"string double escape n", `["\\n"]`},
	{"string escaped control character", `["\u0012"]`},
	{"string escaped noncharacter", `["\uFFFF"]`},
	{"string in array", `["asd"]`},
	{"string in array with leading space", `[ "asd"]`},
	{"string last surrogates 1 and 2", `["\uDBFF\uDFFF"]`},
	{"string no-break space", "[\"new\u00a0line\"]"},
	{"string noncharacter U+10FFFF", "[\"\U0010ffff\"]"},
	{"string noncharacter U+FFFF", "[\"\uffff\"]"},
	{"string null escape", `["\u0000"]`},
	{"string one byte UTF-8 escape", `["\u002c"]`},
	{"string pi", `["π"]`},
	{"string reserved character U+1BFFF", "[\"\U0001bfff\"]"},
	{"string simple ASCII", `["asd "]`},
	{"string alone", `" "`},
	{"string escaped surrogates U+1D11E", `["\uD834\uDd1e"]`},
	{"string three byte UTF-8 escape", `["\u0821"]`},
	{"string two byte UTF-8 escape", `["\u0123"]`},
	{"string U+2028 line separator", "[\"\u2028\"]"},
	{"string U+2029 paragraph separator", "[\"\u2029\"]"},
	{"string unescaped character DEL", "[\"\x7f\"]"},
	{"string unescaped character DEL and a", "[\"a\x7fa\"]"},
	{"string U escaped line feed", `["new\u000Aline"]`},
	{"string U+200B zero width space", `["\u200B"]`},
	{"string U+2064 invisible plus", `["\u2064"]`},
	{"string U+FDD0 noncharacter", `["\uFDD0"]`},
	{"string U+FFFE noncharacter", `["\uFFFE"]`},
	{"string U+1FFFE noncharacter", `["\uD83F\uDFFE"]`},
	{"string U+10FFFE noncharacter", `["\uDBFF\uDFFE"]`},
	{"string double quote by escape", `["\u0022"]`},
	{"string backslash by escape", `["\u005C"]`},
	{"string UTF-8", `["€𝄞"]`},
	{"string with DEL at the end", "[\"a\x7f\"]"},
	{"string with mixed hex digits", `["\uA66D\ua66d\uAbCd"]`},
	{"string of all lengths of UTF-8 at their ends", "[\"\u0080\u07ff\u0800\ud7ff\ue000\ufffd\U00010000\U0010fffd\"]"},
	{"string that ends with escaped backslashes", `["\\\\"]`},
	{"string that holds brackets", `["]}[{,:"]`},
	{"string with eight plain bytes before an escape", `["01234567\n01234567"]`},

	{"structure lonely false", "false"},
	{"structure lonely int", "42"},
	{"structure lonely negative real", "-0.1"},
	{"structure lonely null", "null"},
	{"structure lonely string", `"asd"`},
	{"structure lonely true", "true"},
	{"structure string empty", `""`},
	{"structure true in array", "[true]"},
	{"structure white space array", " [] "},
	{"structure lonely zero", "0"},
	{"structure lonely exponent", "1e5"},
	{"structure white space around a literal", "\r\n\ttrue\r\n\t"},
}

// rejected are not JSON for any parser that follows RFC 8259, nor for Python.
var rejected = []suiteCase{
	{"array with 1 true without comma", "[1 true]"},
	{"array with a byte that is not UTF-8", "[a\xe5]"},
	{"array with colon instead of comma", `["": 1]`},
	{"array with comma after close", `[""],`},
	{"array with comma and number", "[,1]"},
	{"array with double comma", "[1,,2]"},
	{"array with double extra comma", `["x",,]`},
	{"array with extra close", `["x"]]`},
	{"array with extra comma", `["",]`},
	{"array incomplete", `["x"`},
	{"array with incomplete invalid value", "[x"},
	{"array with inner array without comma", "[3[4]]"},
	{"array with invalid UTF-8", "[\xff]"},
	{"array of just a comma", "[,]"},
	{"array of just a minus", "[-]"},
	{"array with missing value", "[   , \"\"]"},
	{"array unclosed over newlines", "[\"a\",\n4\n,1,"},
	{"array with comma after number", "[1,]"},
	{"array with several commas after number", "[1,,]"},
	{"array with vertical tab and form feed", "[\"\va\"\\f]"},
	{"array of a star", "[*]"},
	{"array unclosed", `[""`},
	{"array unclosed with trailing comma", "[1,"},
	{"array unclosed with newlines", "[1,\n1\n,1"},
	{"array unclosed with object inside", "[{}"},
	{"array closed as an object", "[1}"},
	{"array of a colon", "[:]"},
	{"array with a semicolon", "[1;2]"},

	{"literal incomplete false", "[fals]"},
	{"literal incomplete null", "[nul]"},
	{"literal incomplete true", "[tru]"},
	{"literal capitalised", "[True]"},
	{"literal in capitals", "[NULL]"},
	{"literal with a tail", "[nulll]"},
	{"literal undefined", "[undefined]"},
	{"literal alone and cut", "tru"},
	{"literal None", "None"},

	{"number ++", "[++1234]"},
	{"number +1", "[+1]"},
	{"number +Inf", "[+Inf]"},
	{"number +Infinity", "[+Infinity]"},
	{"number -01", "[-01]"},
	{"number -1.0.", "[-1.0.]"},
	{"number -2.", "[-2.]"},
	{"number -.5", "[-.5]"},
	{"number -NaN", "[-NaN]"},
	{"number .-1", "[.-1]"},
	{"number .2e-3", "[.2e-3]"},
	{"number 0.1.2", "[0.1.2]"},
	{"number 0.3e+", "[0.3e+]"},
	{"number 0.3e", "[0.3e]"},
	{"number 0.e1", "[0.e1]"},
	{"number 0E+", "[0E+]"},
	{"number 0E", "[0E]"},
	{"number 0e+", "[0e+]"},
	{"number 0e", "[0e]"},
	{"number 00", "[00]"},
	{"number 00.5", "[00.5]"},
	{"number -00", "[-00]"},
	{"number 1.0e+", "[1.0e+]"},
	{"number 1.0e-", "[1.0e-]"},
	{"number 1.0e", "[1.0e]"},
	{"number 1 000", "[1 000.0]"},
	{"number 1_000", "[1_000]"},
	{"number 1eE2", "[1eE2]"},
	{"number 1e2.5", "[1e2.5]"},
	{"number 1e+-2", "[1e+-2]"},
	{"number 2.e+3", "[2.e+3]"},
	{"number 2.e-3", "[2.e-3]"},
	{"number 2.e3", "[2.e3]"},
	{"number 9.e+", "[9.e+]"},
	{"number Inf", "[Inf]"},
	{"number nan", "[nan]"},
	{"number NAN", "[NAN]"},
	{"number infinity", "[infinity]"},
	{"number INFINITY", "[INFINITY]"},
	{"number -Inf", "[-Inf]"},
	{"number NaNs", "[NaNs]"},
	{"number fullwidth digit one", "[１]"},
	{"number Arabic digit", "[\u0661]"},
	{"number expression", "[1+2]"},
	{"number hex one digit", "[0x1]"},
	{"number hex two digits", "[0x42]"},
	{"number binary", "[0b1]"},
	{"number invalid + -", "[0e+-1]"},
	{"number invalid negative real", "[-123.123foo]"},
	{"number invalid UTF-8 in bigger int", "[123\xe5]"},
	{"number invalid UTF-8 in exponent", "[1e1\xe5]"},
	{"number invalid UTF-8 in int", "[0\xe5]\n"},
	{"number minus infinity cut", "[-Infinit]"},
	{"number minus sign with trailing garbage", "[-foo]"},
	{"number minus space 1", "[- 1]"},
	{"number negative int starting with zero", "[-012]"},
	{"number negative with garbage at end", "[-1x]"},
	{"number real garbage after e", "[1ea]"},
	{"number real with invalid UTF-8 after e", "[1e\xe5]"},
	{"number real without fractional part", "[1.]"},
	{"number starting with dot", "[.123]"},
	{"number with alpha", "[1.2a-3]"},
	{"number with alpha character", "[1.8011670033376514H-308]"},
	{"number with leading zero", "[012]"},
	{"number minus minus", "[--1]"},
	{"number with a suffix", "[1f]"},
	{"number lonely dot", "[.]"},
	{"number comma for a point", "1,5"},
	{"number lonely with zero in front", "01"},

	{"object bad value", `["x", truth]`},
	{"object bracket as key", "{[: \"x\"}\n"},
	{"object comma instead of colon", `{"x", null}`},
	{"object double colon", `{"x"::"b"}`},
	{"object emoji as key", "{🇨🇭}"},
	{"object garbage at end", `{"a":"a" 123}`},
	{"object key with single quotes", `{key: 'value'}`},
	{"object lone continuation byte in key and trailing comma", "{\"\xb9\":\"0\",}"},
	{"object missing colon", `{"a" b}`},
	{"object missing key", `{:"b"}`},
	{"object missing semicolon", `{"a" "b"}`},
	{"object missing value", `{"a":`},
	{"object no colon", `{"a"`},
	{"object number as key", "{1:1}"},
	{"object huge number as key", "{9999E9999:1}"},
	{"object null as key", "{null:null}"},
	{"object several trailing commas", `{"id":0,,,,,}`},
	{"object single quote", `{'a':0}`},
	{"object trailing comma", `{"id":0,}`},
	{"object trailing comment", `{"a":"b"}/**/`},
	{"object trailing comment open", `{"a":"b"}/**//`},
	{"object trailing comment slash", `{"a":"b"}//`},
	{"object trailing comment slash incomplete", `{"a":"b"}/`},
	{"object two commas in a row", `{"a":"b",,"c":"d"}`},
	{"object unquoted key", `{a: "b"}`},
	{"object unterminated value", `{"a":"a`},
	{"object with single string", `{ "foo" : "bar", "a" }`},
	{"object with trailing garbage", `{"a":"b"}#`},
	{"object of a comma", "{,}"},
	{"object comma first", `{,"a":1}`},
	{"object closed as an array", `{"a":1]`},
	{"object key that is an array", `{["a"]:1}`},
	{"object key that is an object", `{{}:1}`},
	{"object key that is NaN", "{NaN:1}"},
	{"object key and colon only", `{"a":}`},
	{"object open only", "{"},

	{"string single space without quotes", " "},
	{"string 1 surrogate then escape", `["\uD800\"]`},
	{"string 1 surrogate then escape u", `["\uD800\u"]`},
	{"string 1 surrogate then escape u1", `["\uD800\u1"]`},
	{"string 1 surrogate then escape u1x", `["\uD800\u1x"]`},
	{"string accentuated character without quotes", "[é]"},
	{"string backslash 00", "[\"\\\x00\"]"},
	{"string escape x", `["\x00"]`},
	{"string escaped backslash bad", `["\\\"]`},
	{"string escaped control character tab", "[\"\\\t\"]"},
	{"string escaped emoji", `["\🌀"]`},
	{"string incomplete escape", `["\"]`},
	{"string incomplete escaped character", `["\u00A"]`},
	{"string incomplete surrogate", `["\uD834\uDd"]`},
	{"string incomplete surrogate escape invalid", `["\uD800\uD800\x"]`},
	{"string invalid UTF-8 in escape", "[\"\\u\xe5\"]"},
	{"string invalid backslash escape", `["\a"]`},
	{"string invalid unicode escape", `["\uqqqq"]`},
	{"string invalid UTF-8 after escape", "[\"\\\xe5\"]"},
	{"string leading escaped thin space", `[\u0020"asd"]`},
	{"string no quotes with bad escape", `[\n]`},
	{"string single double quote", `"`},
	{"string single quote", "['single quote']"},
	{"string single without double quotes", "abc"},
	{"string start escape unclosed", `["\`},
	{"string unescaped control character NUL", "[\"a\x00a\"]"},
	{"string unescaped newline", "[\"new\nline\"]"},
	{"string unescaped tab", "[\"\t\"]"},
	{"string unescaped unit separator", "[\"\x1f\"]"},
	{"string unescaped carriage return", "[\"\r\"]"},
	{"string capital U escape", `"\UA66D"`},
	{"string octal escape", `["\012"]`},
	{"string escaped single quote", `["\'"]`},
	{"string escape of a line end", "[\"a\\\nb\"]"},
	{"string with trailing garbage", `""x`},
	{"string hex digits with a sign", `["\u+123"]`},
	{"string hex digits with an underscore", `["\u12_3"]`},
	{"string hex digits with a space", `["\u 123"]`},
	{"string hex digits with 0x", `["\u0x12"]`},
	{"string hex digit beyond f", `["\u123g"]`},
	{"string unclosed", `["a]`},
	{"string unclosed at an escape's end", `["\u0041`},

	{"structure many opening arrays", strings.Repeat("[", 100_000)},
	{"structure many opening arrays of objects", strings.Repeat(`[{"":`, 50_000) + "\n"},
	{"structure U+2060 word joiner", "[\u2060]"},
	{"structure no-break space", "[\u00a0]"},
	{"structure byte order mark alone", "\ufeff"},
	{"structure byte order mark inside", "[\ufeff]"},
	{"structure angle bracket", "<.>"},
	{"structure angle bracket null", "[<null>]"},
	{"structure array trailing garbage", "[1]x"},
	{"structure array with extra array close", "[1]]"},
	{"structure array with unclosed string", `["asd]`},
	{"structure ASCII and unicode identifier", "aå"},
	{"structure close unopened array", "1]"},
	{"structure comma instead of closing brace", `{"x": true,`},
	{"structure double array", "[][]"},
	{"structure end array", "]"},
	{"structure incomplete UTF-8 byte order mark", "\xef\xbb{}"},
	{"structure lone invalid UTF-8", "\xe5"},
	{"structure lone open bracket", "["},
	{"structure no data", ""},
	{"structure NUL outside string", "[\x00]"},
	{"structure number with trailing garbage", "2@"},
	{"structure object followed by closing object", "{}}"},
	{"structure object unclosed no value", `{"":`},
	{"structure object with comment", `{"a":/*comment*/"b"}`},
	{"structure object with trailing garbage", `{"a": true} "x"`},
	{"structure open array apostrophe", "['"},
	{"structure open array comma", "[,"},
	{"structure open array object", strings.Repeat(`[{"":`, 500)},
	{"structure open array open object", "[{"},
	{"structure open array open string", `["a`},
	{"structure open array string", `["a"`},
	{"structure open object close array", "{]"},
	{"structure open object comma", "{,"},
	{"structure open object open array", "{["},
	{"structure open object open string", `{"a`},
	{"structure open object string with apostrophes", "{'a'"},
	{"structure open open", `["\{["\{["\{["\{`},
	{"structure single eacute", "\xe9"},
	{"structure single star", "*"},
	{"structure trailing hash", `{"a":"b"}#{}`},
	{"structure U+2060 word joiner alone", "\u2060"},
	{"structure escaped line feed outside string", `[\u000A""]`},
	{"structure unclosed array", "[1"},
	{"structure unclosed array partial null", "[ false, nul"},
	{"structure unclosed array unfinished false", "[ true, fals"},
	{"structure unclosed array unfinished true", "[ false, tru"},
	{"structure unclosed object", `{"asd":"asd"`},
	{"structure unicode identifier", "å"},
	{"structure white space form feed", "[\f]"},
	{"structure white space vertical tab", "[\v]"},
	{"structure white space NEL", "[\u0085]"},
	{"structure white space only", " \t\r\n"},
	{"structure two values", "1 2"},
	{"structure values of lines", "{}\n{}"},
	{"structure record separator", "\x1e{}"},
	{"structure NUL at the end", "{}\x00"},
	{"structure comment in front", "// a\n1"},
	{"structure JSON in XSSI guard", ")]}'\n{}"},
	{"structure JSONP", "f({})"},
}

// disputed are cases in which parsers differ: RFC 8259 leaves them to the parser, or
// forbids them and Python accepts them.
var disputed = []struct {
	suiteCase
	taken bool
}{
	{suiteCase{"number double huge negative exponent", "[123.456e-789]"}, true},
	{suiteCase{"number huge exponent", "[0.4e00" + strings.Repeat("6", 200) + "]"}, true},
	{suiteCase{"number negative int huge exponent", "[-1e+9999]"}, true},
	{suiteCase{"number positive double huge exponent", "[1.5e+9999]"}, true},
	{suiteCase{"number real negative overflow", "[-123123e100000]"}, true},
	{suiteCase{"number real positive overflow", "[123123e100000]"}, true},
	{suiteCase{"number real underflow", "[123e-10000000]"}, true},
	{suiteCase{"number too big negative int", "[-123123123123123123123123123123]"}, true},
	{suiteCase{"number too big positive int", "[100000000000000000000]"}, true},
	{suiteCase{"number very big negative int", "[-237462374673276894279832749832423479823246327846]"}, true},
	{suiteCase{"number int of 5000 digits", "[1" + strings.Repeat("0", 5000) + "]"}, true},
	{suiteCase{"number int of 1 and 309 zeros", "[1" + strings.Repeat("0", 309) + "]"}, true},
	{suiteCase{"number 2**53 + 1", "[9007199254740993]"}, true},
	{suiteCase{"number largest int64", "[9223372036854775807, 9223372036854775808, -9223372036854775808, -9223372036854775809]"}, true},
	{suiteCase{"number largest uint64", "[18446744073709551615, 18446744073709551616]"}, true},
	{suiteCase{"number with 1000 digits after the point", "[0." + strings.Repeat("3", 1000) + "]"}, true},
	{suiteCase{"number NaN", "[NaN]"}, true},
	{suiteCase{"number Infinity", "[Infinity]"}, true},
	{suiteCase{"number -Infinity", "[-Infinity]"}, true},
	{suiteCase{"number lonely NaN", "NaN"}, true},
	{suiteCase{"number lonely -Infinity", " -Infinity "}, true},
	{suiteCase{"object with NaN and the infinities", `{"a":NaN,"b":Infinity,"c":-Infinity}`}, true},
	{suiteCase{"object key lone second surrogate", `{"\uDFAA":0}`}, true},
	{suiteCase{"object with keys equal but for their spelling", `{"a":1,"\u0061":2}`}, true},
	{suiteCase{"string first surrogate but second missing", `["\uDADA"]`}, true},
	{suiteCase{"string first valid surrogate second invalid", `["\uD888\u1234"]`}, true},
	{suiteCase{"string incomplete surrogate and escape", `["\uD800\n"]`}, true},
	{suiteCase{"string incomplete surrogate pair", `["\uDd1ea"]`}, true},
	{suiteCase{"string incomplete surrogates and escape", `["\uD800\uD800\n"]`}, true},
	{suiteCase{"string lonely surrogate", `["\ud800"]`}, true},
	{suiteCase{"string surrogate and text", `["\ud800abc"]`}, true},
	{suiteCase{"string inverted surrogates", `["\uDd1e\uD834"]`}, true},
	{suiteCase{"string lone second surrogate", `["\uDFAA"]`}, true},
	{suiteCase{"string three surrogates", `["\uD800\uD834\uDD1E"]`}, true},
	{suiteCase{"string UTF-16LE with byte order mark", "\xff\xfe[\x00\"\x00\xe9\x00\"\x00]\x00"}, false},
	{suiteCase{"string UTF-16BE without byte order mark", "\x00[\x00\"\x00\xe9\x00\"\x00]"}, false},
	{suiteCase{"string UTF-16LE without byte order mark", "[\x00\"\x00\xe9\x00\"\x00]\x00"}, false},
	{suiteCase{"string UTF-32LE", "1\x00\x00\x00"}, false},
	{suiteCase{"string UTF-8 invalid sequence", "[\"日ш\xfa\"]"}, false},
	{suiteCase{"string UTF-8 surrogate U+D800", "[\"\xed\xa0\x80\"]"}, false},
	{suiteCase{"string UTF-8 surrogate pair", "[\"\xed\xa0\xbd\xed\xb8\x80\"]"}, false},
	{suiteCase{"string invalid UTF-8", "[\"\xff\"]"}, false},
	{suiteCase{"string ISO Latin 1", "[\"\xe9\"]"}, false},
	{suiteCase{"string lone UTF-8 continuation byte", "[\"\x81\"]"}, false},
	{suiteCase{"string not in Unicode range", "[\"\xf4\xbf\xbf\xbf\"]"}, false},
	{suiteCase{"string overlong sequence of 2 bytes", "[\"\xc0\xaf\"]"}, false},
	{suiteCase{"string overlong sequence of 3 bytes", "[\"\xe0\x80\xaf\"]"}, false},
	{suiteCase{"string overlong sequence of 4 bytes", "[\"\xf0\x80\x80\xaf\"]"}, false},
	{suiteCase{"string overlong sequence of 6 bytes", "[\"\xfc\x83\xbf\xbf\xbf\xbf\"]"}, false},
	{suiteCase{"string overlong NUL", "[\"\xc0\x80\"]"}, false},
	{suiteCase{"string overlong sequence of 6 bytes, NUL", "[\"\xfc\x80\x80\x80\x80\x80\"]"}, false},
	{suiteCase{"string truncated UTF-8", "[\"\xe0\xff\"]"}, false},
	{suiteCase{"string truncated UTF-8 at the quote", "[\"\xe2\x82\"]"}, false},
	{suiteCase{"string invalid UTF-8 in a key", "{\"\xff\":1}"}, false},
	{suiteCase{"structure 500 nested arrays", strings.Repeat("[", 500) + strings.Repeat("]", 500)}, true},
	{suiteCase{"structure 500 nested objects", strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 500)}, true},
	{suiteCase{"structure UTF-8 byte order mark and empty object", "\ufeff{}"}, false},
}

func TestSuiteOfCases(t *testing.T) { checkSuite(t, nil) }

func TestSuiteOfCasesAgreesWithPython(t *testing.T) { checkSuite(t, pythonOracle(t)) }

// checkSuite compares each case with the tables above, and with an oracle also with
// Python. It is one function because every step needs the results of those before it.
func checkSuite(t *testing.T, o *oracle) {
	seen := map[string]bool{}
	check := func(class string, c suiteCase, taken bool) {
		name := class + " " + c.name
		if seen[name] || seen[c.text] {
			t.Errorf("%s is a duplicate", name)
		}
		seen[name], seen[c.text] = true, true
		t.Run(name, func(t *testing.T) {
			text := []byte(c.text)
			if err := Validate(text); (err == nil) != taken {
				t.Fatalf("Validate: %v", err)
			}
			var byByte Validator
			var err error
			for i := range text {
				err = byByte.Feed(text[i:i+1], i == len(text)-1)
			}
			if len(text) > 0 && (err == nil) != taken {
				t.Fatalf("Validator, byte by byte: %v", err)
			}
			d, err := Parse(text)
			if (err == nil) != taken {
				t.Fatalf("Parse: %v", err)
			}
			if taken {
				if whole, err := d.JSON(""); !bytes.Equal(whole, text) || err != nil {
					t.Errorf("the whole text is %q (%v)", whole, err)
				}
			}
			if o == nil {
				return
			}
			a := o.ask(t, "read", text)
			if (a.Error == "") != taken {
				t.Fatalf("in Python %q, in the table valid is %v", a.Error, taken)
			}
			if !taken {
				return
			}
			n := len(a.Nodes)
			if n > 100 { // looking up a deep pointer takes long
				a.Nodes = []node{a.Nodes[0], a.Nodes[n/2], a.Nodes[n-1]}
			}
			agree(t, d, a)
			// The value is the same as a member of an object.
			b := FromValid([]byte("{}"))
			must(t, b.SetJSON("/~1~0", text))
			must(t, b.SetInt("after", 1))
			if n > 100 {
				a.Nodes = a.Nodes[1:2]
			}
			for range 2 {
				for _, n := range a.Nodes {
					n.Pointer = "/~1~0" + n.Pointer
					if problem := n.difference(b); problem != "" {
						t.Fatalf("as a member, at %q: %s", n.Pointer, problem)
					}
				}
				must(t, Validate(b.Text()))
			}
		})
	}
	for _, c := range accepted {
		check("y", c, true)
	}
	for _, c := range rejected {
		check("n", c, false)
	}
	for _, c := range disputed {
		check("i", c.suiteCase, c.taken)
	}
	if total := len(accepted) + len(rejected) + len(disputed); total < 250 {
		t.Errorf("only %d cases", total)
	} else {
		t.Logf("%d cases", total)
	}
}
