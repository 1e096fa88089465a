//! raddle-tests: stub
