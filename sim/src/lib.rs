//! raddle-sim: stub
