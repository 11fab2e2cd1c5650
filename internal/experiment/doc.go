// Package experiment reads the file of an experiment: what can be set, what is unknown, and
// the model that predicts a measurement. docs/reference/experiment.md describes the format,
// and examples/experiments has files.
//
// A file is TOML. Its tables are named, [parameters.centre], and not numbered,
// [[parameters]] with name = "centre": the name stands where a person looks for it, it is
// written once, and two parameters with one name are not valid TOML. The settings,
// parameters and channels have the order of the file. A TOML decoder loses it, so that the
// package reads the keys with the decoder's parser, which also tells where each value is.
package experiment
