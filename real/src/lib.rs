//! raddle: stub
