"""The three tasks for one's own pictures: motion imitation, appearance transfer, novel view synthesis."""
