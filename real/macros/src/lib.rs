//! raddle macros: stub
