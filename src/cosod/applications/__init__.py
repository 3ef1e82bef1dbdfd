"""What people do with the maps (GCoNet section 6): cut the shared object out, and make thumbnails that look alike."""
